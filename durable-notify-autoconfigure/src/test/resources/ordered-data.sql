SELECT durable_notify.append('profiles', convert_to('2', 'UTF8'));
